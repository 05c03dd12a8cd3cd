# @summary All packages: Debian's in one apt transaction, then each package's folder.
# @api private
class em_package::install {
  assert_private()

  $present = $em_package::packages.filter |$name, $package| { $package['ensure'] != 'absent' }
  $wanted = $present.values.reduce({}) |$all, $package| { $all + pick($package['apt'], {}) }
  $unwanted = ($em_package::packages - $present.keys).values.map |$package| {
    pick($package['apt'], {}).keys
  }.flatten.unique - $wanted.keys

  package { $unwanted:
    ensure => purged,
  }

  system::packages { 'em_package':
    packages => $wanted,
  }

  file { $em_package::root:
    ensure => directory,
    owner  => 'root',
    group  => 'root',
    mode   => '0755',
  }

  $em_package::packages.each |$name, $package| {
    em_package::folder { $name:
      package => $package,
      python  => $em_package::python,
      require => System::Packages['em_package'],
    }
  }
}
