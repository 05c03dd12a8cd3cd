# @summary A folder unpacked from an archive of the mirrors.
#
# @param package The package.
# @api private
define em_package::archive (
  Em_package::Package $package,
) {
  assert_private()

  $home = $package['home']
  $file = $package['file']
  $sha256 = $package['sha256']
  $strip = pick($package['strip'], 0)
  $program = "${em_package::root}/.libexec/em_archive.py"

  # Mirrors are no part of the command: Puppet shows commands.
  exec { "unpack ${title}":
    command     => "python3 ${program} archive ${file} ${sha256} ${strip} ${home} ${em_package::archives}",
    unless      => "grep -qxF '${sha256} ${strip}' ${home}/.installed",
    environment => ["EM_PACKAGE_MIRRORS=${em_package::mirrors.join(' ')}"],
    path        => ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'],
    timeout     => 14400,
    logoutput   => on_failure,
    require     => File[$program],
  }
}
