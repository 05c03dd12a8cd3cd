# @summary A virtual environment with pinned Python distributions.
#
# @param package The package.
# @api private
define em_package::pip (
  Em_package::Package $package,
) {
  assert_private()

  $home = $package['home']
  $digest = sha256($package['requirements'])
  $installer = "${em_package::root}/.libexec/install_requirements.py"

  file { "${home}.txt":
    ensure  => file,
    owner   => 'root',
    group   => 'root',
    mode    => '0644',
    content => $package['requirements'],
  }
  # A virtual environment cannot be moved, so it is made in its place; the stamp is written last.
  -> exec { "pip install ${title}":
    command   => "python3 ${installer} ${home}.txt ${home} ${em_package::wheels}",
    unless    => "grep -qxF ${digest} ${home}/requirements.sha256",
    path      => ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'],
    timeout   => 14400,
    tries     => 2,
    try_sleep => 5,
    logoutput => on_failure,
    require   => File[$installer],
  }
}
