# @summary Ends all sessions and removes everything but the Debian packages, which others may use
# @api private
class desktop::remove {
  assert_private()

  $services = ['gateway', 'helper', 'session', 'vnc'].map |String $name| { "cloudify-desktop-${name}" }

  $units = Hash($services.map |String $name| { ["${name}.service", undef] })
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
  -> system::units { 'cloudify-desktop':
    ensure => absent,
    units  => $units,
  }
  -> file { $paths:
    ensure => absent,
    force  => true,
  }
  -> user { 'cloudify-desktop':
    ensure => absent,
  }
  -> group { 'cloudify-desktop':
    ensure => absent,
  }
}
