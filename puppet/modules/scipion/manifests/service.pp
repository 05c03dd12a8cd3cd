# @summary The unit that runs a project's workflow: `systemctl start scipion-workflow@NAME`.
# @api private
class scipion::service {
  assert_private()

  $parameters = { 'home' => $scipion::home, 'user' => $scipion::user }

  file { '/etc/systemd/system/scipion-workflow@.service':
    ensure  => file,
    owner   => 'root',
    group   => 'root',
    mode    => '0644',
    content => epp('scipion/scipion-workflow@.service.epp', $parameters),
  }
  ~> exec { 'systemd reads scipion-workflow@.service':
    command     => 'systemctl daemon-reload',
    path        => ['/usr/bin', '/bin'],
    refreshonly => true,
  }
}
