# @summary The timers, and the watch for the user's requests.
# @api private
class working_copy::service {
  assert_private()

  $units = ['scipion-data-push.timer', 'scipion-data-scan.timer', 'scipion-data-requests.path']

  service { $units:
    ensure => running,
    enable => true,
  }

  # A new interval counts from now on.
  $units.each |String[1] $name| {
    File["/etc/systemd/system/${name}"] ~> Service[$name]
  }
}
