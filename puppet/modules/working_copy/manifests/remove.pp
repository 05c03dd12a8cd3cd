# @summary Stops the agent and removes all of it but its account: what is on the volume belongs to that.
# @api private
class working_copy::remove {
  assert_private()

  $started = ['push.timer', 'scan.timer', 'requests.path', 'reopen.timer'].map |String $unit| { "scipion-data-${unit}" }
  $works = ['push', 'scan', 'pull', 'verify', 'seal'].map |String $work| { "scipion-data@${work}.service" }
  $services = ['requests.service', 'reopen.service', 'unseal.service'].map |String $unit| { "scipion-data-${unit}" }
  $units = $started + $services + ['sysinit.target.wants/scipion-data-unseal.service', 'scipion-data@.service']
  + ['push', 'scan'].map |String $work| { "scipion-data@${work}.service.d" }
  $programs = [
    '/usr/local/lib/scipion-data',
    '/usr/local/bin/scipion-data',
    '/usr/local/sbin/scipion-data-quiesce',
    '/usr/local/sbin/scipion-data-reopen',
  ]

  service { $started:
    ensure => stopped,
    enable => false,
  }
  -> service { $services + $works:
    ensure => stopped,
  }
  -> system::units { 'scipion-data':
    ensure => absent,
    units  => Hash($units.map |String $unit| { [$unit, undef] }),
  }
  -> file { ['/etc/tmpfiles.d/scipion-data.conf', '/etc/scipion-data', '/run/scipion-data'] + $programs:
    ensure => absent,
    force  => true,
  }
}
