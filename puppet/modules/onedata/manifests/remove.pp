# @summary Ends all mounts and removes everything but Debian's packages, which others may use.
# @api private
class onedata::remove {
  assert_private()

  # Whatever was mounted by this module, named in `mounts` or not. Never a recursive removal: it would empty the spaces.
  exec { 'onedata mounts are removed':
    command  => 'for config in /etc/onedata/*.json; do name=$(basename "$config" .json); systemctl disable --now "onedata@$name" && /usr/local/lib/onedata/onedata-mount remove "$name" && rm -f "$config" || exit 1; done',
    onlyif   => 'ls /etc/onedata/*.json',
    provider => shell,
    path     => ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'],
  }

  -> file { ['/etc/onedata', '/usr/local/lib/onedata', '/var/log/onedata', '/etc/apt/sources.list.d/onedata.sources', '/etc/apt/keyrings/onedata.asc']:
    ensure => absent,
    force  => true,
    backup => false,
  }

  -> file { '/etc/systemd/system/onedata@.service':
    ensure => absent,
  }

  ~> exec { 'systemd forgets onedata@.service':
    command     => '/usr/bin/systemctl daemon-reload',
    refreshonly => true,
  }

  -> package { $onedata::package:
    ensure => purged,
  }
}
