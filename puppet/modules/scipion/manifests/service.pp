# @summary The unit that runs a project's workflow (`systemctl start scipion-workflow@NAME`), and the boot's look at steps.
# @api private
class scipion::service {
  assert_private()

  $systemd = '/etc/systemd/system'
  $parameters = { 'home' => $scipion::home, 'user' => $scipion::user }

  file {
    default:
      ensure => file,
      owner  => 'root',
      group  => 'root',
      mode   => '0644',
      ;
    "${systemd}/scipion-workflow@.service":
      content => epp('scipion/scipion-workflow@.service.epp', $parameters),
      ;
    "${systemd}/scipion-settle.service":
      content => epp('scipion/scipion-settle.service.epp', $parameters),
      ;
    "${systemd}/multi-user.target.wants/scipion-settle.service":
      ensure => link,
      target => "${systemd}/scipion-settle.service",
      ;
  }
  ~> exec { 'systemd reads the units of Scipion':
    command     => 'systemctl daemon-reload',
    path        => ['/usr/bin', '/bin'],
    refreshonly => true,
  }
}
