# @summary The unit that runs a project's workflow (`systemctl start scipion-workflow@NAME`), and the boot's look at steps.
# @api private
class scipion::service {
  assert_private()

  $systemd = '/etc/systemd/system'
  $parameters = { 'home' => $scipion::home, 'user' => $scipion::user }

  system::units { 'scipion':
    units => {
      'scipion-workflow@.service' => epp('scipion/scipion-workflow@.service.epp', $parameters),
      'scipion-settle.service'    => epp('scipion/scipion-settle.service.epp', $parameters),
    },
  }
  -> file { "${systemd}/multi-user.target.wants/scipion-settle.service":
    ensure => link,
    target => "${systemd}/scipion-settle.service",
  }
}
