# @summary The desktop's services
# @api private
class desktop::service {
  assert_private()

  service { ['cloudify-desktop-vnc', 'cloudify-desktop-session', 'cloudify-desktop-gateway']:
    ensure => if $desktop::start { running } else { undef },
    enable => true,
  }

  Service['cloudify-desktop-vnc'] -> Service['cloudify-desktop-session']
}
