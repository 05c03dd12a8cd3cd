# @summary A folder that a Python program makes.
#
# @param package The package.
# @api private
define em_package::generate (
  Em_package::Package $package,
) {
  assert_private()

  $home = $package['home']
  # Made beside its place and moved there when complete; the stamp is the program's digest.
  $digest = sha256($package['script'])
  $steps = [
    "rm -rf ${home}.part",
    "mkdir ${home}.part",
    "${em_package::python} ${home}.py ${home}.part",
    "printf %s ${digest} > ${home}.part/.generated",
    "rm -rf ${home}",
    "mv ${home}.part ${home}",
  ]

  file { "${home}.py":
    ensure  => file,
    owner   => 'root',
    group   => 'root',
    mode    => '0644',
    content => $package['script'],
  }
  -> exec { "generate ${title}":
    command   => $steps.join(' && '),
    unless    => "test \"\$(cat ${home}/.generated)\" = ${digest}",
    provider  => shell,
    path      => ['/usr/bin', '/bin'],
    timeout   => 600,
    logoutput => on_failure,
  }
}
