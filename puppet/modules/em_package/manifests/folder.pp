# @summary The folder of one EM package, made by the package's method.
#
# @param package The package.
# @api private
define em_package::folder (
  Em_package::Package $package,
) {
  assert_private()

  $home = $package['home']
  $method = $package['method']
  # What is beside the folder: the program or requirements that it is made of, and the stamp of `installb`.
  $beside = ["${home}.py", "${home}.txt", "${home}.installed"]
  $needed = {
    'apt'      => [],
    'generate' => ['script'],
    'pip'      => ['requirements'],
    'archive'  => ['file', 'sha256'],
    'installb' => ['file', 'sha256'],
  }

  if $package['ensure'] == 'absent' {
    if $method == 'installb' {
      em_package::installb { $title:
        package => $package,
        before  => File[$home],
      }
    }

    file { [$home] + $beside:
      ensure  => absent,
      recurse => true,
      force   => true,
      backup  => false,
    }
  } else {
    $needed[$method].each |$key| {
      unless $package[$key] {
        fail("em_package: ${title} has the method ${method} but no ${key}")
      }
    }

    case $method {
      'generate': { em_package::generate { $title: package => $package } }
      'pip':      { em_package::pip { $title: package => $package } }
      'archive':  { em_package::archive { $title: package => $package } }
      'installb': { em_package::installb { $title: package => $package } }
      default:    {
        file { $home:
          ensure => directory,
          owner  => 'root',
          group  => 'root',
          mode   => '0755',
        }
      }
    }

    pick($package['links'], {}).each |$link, $target| {
      file { "${home}/${link}":
        ensure => link,
        target => $target,
      }

      case $method {
        'generate': { Em_package::Generate[$title] -> File["${home}/${link}"] }
        'pip':      { Em_package::Pip[$title] -> File["${home}/${link}"] }
        'archive':  { Em_package::Archive[$title] -> File["${home}/${link}"] }
        'installb': { fail("em_package: ${title} cannot have links: Scipion makes its folder") }
        default:    {}
      }
    }
  }
}
