# @summary A folder that a Python program makes.
#
# @param package The package.
# @api private
define em_package::generate (
  Em_package::Package $package,
) {
  assert_private()

  $home = $package['home']
  $program = "${em_package::root}/.libexec/generate_folder.py"

  file { "${home}.py":
    ensure  => file,
    owner   => 'root',
    group   => 'root',
    mode    => '0644',
    content => $package['script'],
  }
  -> exec { "generate ${title}":
    command   => "python3 ${program} ${em_package::python} ${home}.py ${home}",
    unless    => "grep -qxF ${sha256($package['script'])} ${home}/.generated",
    path      => ['/usr/bin', '/bin'],
    timeout   => 600,
    logoutput => on_failure,
    require   => File[$program],
  }
}
