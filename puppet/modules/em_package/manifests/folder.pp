# @summary The folder of one EM package: links into the system, or the output of a program.
#
# @param package The package.
# @param python Interpreter for the method `generate`.
# @api private
define em_package::folder (
  Em_package::Package  $package,
  Stdlib::Absolutepath $python,
) {
  assert_private()

  $home = $package['home']
  $present = $package['ensure'] != 'absent'

  if !$present {
    file { [$home, "${home}.py"]:
      ensure  => absent,
      recurse => true,
      force   => true,
      backup  => false,
    }
  } elsif $package['method'] == 'generate' {
    unless $package['script'] {
      fail("em_package: ${title} is generated but has no script")
    }

    # Made beside its place and moved there when complete; the stamp is the program's digest.
    $digest = sha256($package['script'])
    $steps = [
      "rm -rf ${home}.part",
      "mkdir ${home}.part",
      "${python} ${home}.py ${home}.part",
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
  } else {
    file { $home:
      ensure => directory,
      owner  => 'root',
      group  => 'root',
      mode   => '0755',
    }

    pick($package['links'], {}).each |$link, $target| {
      file { "${home}/${link}":
        ensure => link,
        target => $target,
      }
    }
  }
}
