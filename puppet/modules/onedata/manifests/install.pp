# @summary oneclient in its exact version, and the unit of a mount; mounts nothing.
# @api private
class onedata::install {
  assert_private()

  $library = '/usr/local/lib/onedata'

  if $onedata::install {
    unless $onedata::version {
      fail('onedata: install needs version')
    }

    if $onedata::repository {
      contain onedata::repository

      Class['onedata::repository'] -> System::Packages['onedata']
    }

    system::packages { 'onedata':
      packages => $onedata::packages + { $onedata::package => $onedata::version },
    }

    # oneclient runs as a user, while others shall see the mount: root first of all.
    -> file_line { 'onedata: user_allow_other':
      path  => '/etc/fuse.conf',
      line  => 'user_allow_other',
      match => '^#?\s*user_allow_other\s*$',
    }
  }

  file {
    default:
      ensure => file,
      owner  => 'root',
      group  => 'root',
      mode   => '0644',
      ;
    [$library, '/etc/onedata']:
      ensure => directory,
      mode   => '0755',
      ;
    "${library}/onedata-mount":
      mode   => '0755',
      source => 'puppet:///modules/onedata/onedata_mount.py',
      ;
  }

  system::units { 'onedata':
    units => {
      'onedata@.service' => epp('onedata/onedata@.service.epp', {
          'user'    => $onedata::user,
          'program' => "${library}/onedata-mount",
      }),
    },
  }
}
