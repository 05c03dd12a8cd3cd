# @summary Ends all mounts and removes everything but Debian's packages, which others may use.
# @api private
class onedata::remove {
  assert_private()

  $paths = [
    '/etc/onedata',
    '/usr/local/lib/onedata',
    '/var/log/onedata',
    '/etc/apt/sources.list.d/onedata.sources',
    '/etc/apt/keyrings/onedata.asc',
  ]

  # Whatever was mounted by this module, named in `mounts` or not: the fact knows.
  getvar('facts.onedata_mounts', []).each |Onedata::Instance $name| {
    onedata::unit { $name:
      mount  => { 'ensure' => 'absent' },
      before => File[$paths],
    }
  }

  file { $paths:
    ensure => absent,
    force  => true,
    backup => false,
  }
  -> system::units { 'onedata':
    ensure => absent,
    units  => { 'onedata@.service' => undef },
  }
  -> package { $onedata::package:
    ensure => purged,
  }
}
