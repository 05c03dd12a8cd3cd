# @summary The agent, its user, its commands and its units; starts nothing.
# @api private
class working_copy::install {
  assert_private()

  $library = '/usr/local/lib/scipion-data'
  $agent = "${library}/scipion-data.pyz"
  $volume = $working_copy::volume_path
  $systemd = '/etc/systemd/system'
  $timers = {
    'push' => ['saves what has changed', $working_copy::push_minutes],
    'scan' => ['looks for what is new in the data space', $working_copy::scan_minutes],
  }

  if $working_copy::install {
    system::packages { 'working_copy':
      packages => $working_copy::packages,
    }
  }

  group { $working_copy::user:
    ensure => present,
    gid    => $working_copy::gid,
  }

  user { $working_copy::user:
    ensure => present,
    uid    => $working_copy::uid,
    gid    => $working_copy::gid,
    home   => '/nonexistent',
    shell  => '/usr/sbin/nologin',
  }

  # Before the first pull is complete there is nothing to push and nothing to compare.
  $conditions = $timers.keys.map |String[1] $work| { "scipion-data@${work}.service.d" }
  $units = {
    'scipion-data@.service'         => epp('working_copy/scipion-data@.service.epp', {
        'user'      => $working_copy::user,
        'agent'     => $agent,
        'volume'    => $volume,
        'user_path' => $working_copy::user_path,
        'space'     => $working_copy::space_path,
        'memory'    => $working_copy::memory,
    }),
    'scipion-data-requests.path'    => file('working_copy/scipion-data-requests.path'),
    'scipion-data-requests.service' => file('working_copy/scipion-data-requests.service'),
    'scipion-data-reopen.service'   => file('working_copy/scipion-data-reopen.service'),
    'scipion-data-reopen.timer'     => file('working_copy/scipion-data-reopen.timer'),
    'scipion-data-unseal.service'   => epp('working_copy/scipion-data-unseal.service.epp', { 'volume' => $volume }),
  } + Hash($timers.map |String[1] $work, Tuple[String, Integer] $timer| {
      ["scipion-data-${work}.timer", epp('working_copy/timer.epp', { 'work' => $work, 'about' => $timer[0], 'minutes' => $timer[1] })]
  }) + Hash($conditions.map |String[1] $folder| {
      ["${folder}/pulled.conf", "[Unit]\nConditionPathExists=${volume}/agent/pulled\n"]
  })

  file {
    default:
      ensure => file,
      owner  => 'root',
      group  => 'root',
      mode   => '0644',
      ;
    [$library, '/etc/scipion-data', "${systemd}/sysinit.target.wants"] + $conditions.map |String[1] $folder| { "${systemd}/${folder}" }:
      ensure => directory,
      mode   => '0755',
      ;
    $agent:
      source => 'puppet:///modules/working_copy/scipion-data.pyz',
      ;
    '/usr/local/bin/scipion-data':
      mode    => '0755',
      content => epp('working_copy/command.epp', { 'agent' => $agent }),
      ;
    '/usr/local/sbin/scipion-data-quiesce':
      mode   => '0755',
      source => 'puppet:///modules/working_copy/quiesce.py',
      ;
    '/usr/local/sbin/scipion-data-reopen':
      mode   => '0755',
      source => 'puppet:///modules/working_copy/reopen.py',
      ;
    "${systemd}/sysinit.target.wants/scipion-data-unseal.service":
      ensure => link,
      target => "${systemd}/scipion-data-unseal.service",
      ;
    '/etc/tmpfiles.d/scipion-data.conf':
      content => epp('working_copy/tmpfiles.conf.epp', {
          'user'      => $working_copy::user,
          'tree_user' => $working_copy::tree_user,
          'volume'    => $volume,
      }),
      ;
  }

  system::units { 'scipion-data':
    units => $units,
  }
}
