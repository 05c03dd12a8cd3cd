# @summary The packages, the user and the folders.
# @api private
class system::install {
  assert_private()

  if $system::install {
    system::packages { 'system':
      packages => $system::packages,
    }
  }

  group { $system::user:
    ensure => present,
    gid    => $system::gid,
  }

  user { $system::user:
    ensure     => present,
    uid        => $system::uid,
    gid        => $system::gid,
    home       => $system::home,
    managehome => true,
    shell      => '/bin/bash',
  }

  # The project's volume may be mounted there already: only its top is touched.
  file { [$system::home, "${system::home}/ScipionUserData"]:
    ensure => directory,
    owner  => $system::user,
    group  => $system::user,
    mode   => '0750',
  }

  file { '/etc/cloudify-scipion':
    ensure => directory,
    owner  => 'root',
    group  => 'root',
    mode   => '0755',
  }
}
