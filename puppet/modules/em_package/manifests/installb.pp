# @summary A package that Scipion's own `installb` makes of a file of the mirrors; its home is a link to it.
#
# @param package The package.
# @api private
define em_package::installb (
  Em_package::Package $package,
) {
  assert_private()

  $home = $package['home']
  $file = $package['file']
  $sha256 = $package['sha256']
  $scipion = $em_package::scipion
  $binary = pick($package['binary'], basename($home))
  $result = "${scipion}/software/em/${binary}"
  $program = "${em_package::root}/.libexec/em_archive.py"
  $path = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin']

  if $package['ensure'] == 'absent' {
    exec { "remove ${title}":
      command   => "python3 ${program} remove ${binary} ${scipion}",
      onlyif    => "stat ${result}",
      path      => $path,
      logoutput => on_failure,
      require   => File[$program],
    }
  } else {
    exec { "installb ${title}":
      command     => "python3 ${program} installb ${file} ${sha256} ${binary} ${home} ${em_package::archives} ${scipion}",
      unless      => "python3 ${program} made ${sha256} ${binary} ${home} ${scipion}",
      environment => ["EM_PACKAGE_MIRRORS=${em_package::mirrors.join(' ')}"],
      path        => $path,
      timeout     => 14400,
      logoutput   => on_failure,
      require     => File[$program],
    }
    -> file { $home:
      ensure => link,
      target => $result,
      force  => true,
      backup => false,
    }
  }
}
