# @summary Ends all sessions and removes everything but the Debian packages, which others may use
# @api private
class desktop::remove {
  assert_private()

  $services = ['gateway', 'helper', 'session', 'vnc'].map |String $name| { "cloudify-desktop-${name}" }

  $units = $services.map |String $name| { "/etc/systemd/system/${name}.service" }
  $paths = [
    '/etc/cloudify-desktop',
    '/run/cloudify-desktop',
    '/usr/local/lib/cloudify-desktop',
    '/usr/local/sbin/cloudify-desktop-link',
    '/usr/local/share/cloudify-desktop',
  ]

  service { $services:
    ensure => stopped,
    enable => false,
  }
  -> file { $units + $paths:
    ensure => absent,
    force  => true,
    notify => Exec['desktop units removed'],
  }
  -> user { 'cloudify-desktop':
    ensure => absent,
  }
  -> group { 'cloudify-desktop':
    ensure => absent,
  }

  exec { 'desktop units removed':
    command     => '/usr/bin/systemctl daemon-reload',
    refreshonly => true,
  }
}
