# @summary Debian packages, the virtual environment and the commands.
# @api private
class scipion::install {
  assert_private()

  $home = $scipion::home
  $installer = "${home}/libexec/install_requirements.py"
  $workflow = "${home}/libexec/scipion_workflow.py"
  $environment = { 'home' => $home, 'user' => $scipion::user }

  include system::fetching

  system::packages { 'scipion':
    packages => $scipion::packages,
  }

  file { [$home, "${home}/bin", "${home}/libexec", "${home}/config"]:
    ensure => directory,
    owner  => 'root',
    group  => 'root',
    mode   => '0755',
  }

  # Scipion makes these on its first start, and users may add packages there.
  file { ["${home}/software", "${home}/software/em", "${home}/software/lib", "${home}/software/bindings", "${home}/data"]:
    ensure => directory,
    owner  => $scipion::user,
    group  => $scipion::user,
    mode   => '0755',
  }

  file {
    default:
      ensure => file,
      owner  => 'root',
      group  => 'root',
      mode   => '0755',
      ;
    $installer:
      source => 'puppet:///modules/scipion/install_requirements.py',
      ;
    $workflow:
      source => 'puppet:///modules/scipion/scipion_workflow.py',
      ;
    "${home}/bin/scipion-env":
      content => epp('scipion/scipion-env.epp', $environment),
      ;
    "${home}/bin/scipion":
      content => epp('scipion/command.epp', { 'home' => $home, 'about' => 'Scipion', 'python' => '-m scipion' }),
      ;
    "${home}/bin/scipion-workflow":
      content => epp('scipion/command.epp', { 'home' => $home, 'about' => 'Workflows of Scipion', 'python' => $workflow }),
      ;
    "${home}/requirements.txt":
      mode    => '0644',
      content => $scipion::requirements,
      ;
  }

  ['places', 'process', 'project', 'record', 'run', 'scipion', 'state', 'turns'].each |String $part| {
    file { "${home}/libexec/workflow_${part}.py":
      ensure => file,
      owner  => 'root',
      group  => 'root',
      mode   => '0644',
      source => "puppet:///modules/scipion/workflow_${part}.py",
    }
  }

  # The stamp is written last and names the requirements' digest: an interrupted installation is done again.
  exec { 'scipion requirements':
    command   => "python3 ${installer} ${home}/requirements.txt ${home}/venv ${scipion::wheels}",
    unless    => "grep -qxF ${sha256($scipion::requirements)} ${home}/venv/requirements.sha256",
    path      => ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'],
    timeout   => 14400,
    tries     => 2,
    try_sleep => 5,
    logoutput => on_failure,
    require   => [System::Packages['scipion'], Class['system::fetching'], File[$installer], File["${home}/requirements.txt"]],
  }
}
