# @summary All packages: Debian's in one apt transaction, then each package's folder.
# @api private
class em_package::install {
  assert_private()

  $present = $em_package::packages.filter |$name, $package| { $package['ensure'] != 'absent' }
  $wanted = $present.values.reduce({}) |$all, $package| { $all + pick($package['apt'], {}) }
  # An exact version says that a Debian package is this package's own; others may need what is merely `installed`.
  $unwanted = ($em_package::packages - $present.keys).values.map |$package| {
    pick($package['apt'], {}).filter |$name, $version| { $version != 'installed' }.keys
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
    # Folders are removed as a whole: one elsewhere could be the system's.
    unless $package['home'] =~ "\\A${em_package::root}/[A-Za-z0-9][A-Za-z0-9._-]*\\z" {
      fail("em_package: the home of ${name} is ${package['home']}, not a folder below ${em_package::root}")
    }

    em_package::folder { $name:
      package => $package,
      python  => $em_package::python,
      require => System::Packages['em_package'],
    }
  }
}
