# @summary All packages: Debian's in one apt transaction, then each package's folder.
# @api private
class em_package::install {
  assert_private()

  $packages = $em_package::packages
  $present = $packages.filter |$name, $package| { $package['ensure'] != 'absent' }
  $by_tools = $packages.values.any |$package| { $package['method'] in ['pip', 'archive', 'installb'] }
  $tools = $by_tools ? {
    true    => $em_package::tools,
    default => {},
  }
  $wanted = $present.values.reduce($tools) |$all, $package| { $all + pick($package['apt'], {}) }
  # An exact version says that a Debian package is this package's own; others may need what is merely `installed`.
  $unwanted = ($packages - $present.keys).values.map |$package| {
    pick($package['apt'], {}).filter |$name, $version| { $version != 'installed' }.keys
  }.flatten.unique - $wanted.keys

  include system::fetching

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

  if $packages.values.any |$package| { $package['method'] != 'apt' } {
    $programs = {
      'em_archive.py'           => 'em_package/em_archive.py',
      'generate_folder.py'      => 'em_package/generate_folder.py',
      'install_requirements.py' => 'scipion/install_requirements.py',
    }

    file { "${em_package::root}/.libexec":
      ensure => directory,
      owner  => 'root',
      group  => 'root',
      mode   => '0755',
    }

    $programs.each |$name, $source| {
      file { "${em_package::root}/.libexec/${name}":
        ensure => file,
        owner  => 'root',
        group  => 'root',
        mode   => '0755',
        source => "puppet:///modules/${source}",
      }
    }
  }

  $packages.each |$name, $package| {
    # Folders are removed as a whole: one elsewhere could be the system's.
    unless $package['home'] =~ "\\A${em_package::root}/[A-Za-z0-9][A-Za-z0-9._-]*\\z" {
      fail("em_package: the home of ${name} is ${package['home']}, not a folder below ${em_package::root}")
    }

    em_package::folder { $name:
      package => $package,
      require => [System::Packages['em_package'], Class['system::fetching']],
    }
  }
}
