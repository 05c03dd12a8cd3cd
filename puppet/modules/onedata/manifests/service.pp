# @summary The mounts.
# @api private
class onedata::service {
  assert_private()

  $onedata::mounts.each |Onedata::Instance $name, Onedata::Mount $mount| {
    onedata::unit { $name:
      mount => $mount,
    }
  }
}
