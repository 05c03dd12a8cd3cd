# @summary The agent's configuration, and the folders that it and others meet in; needs no network.
# @api private
class working_copy::config {
  assert_private()

  ['project', 'machine', 'generation', 'volume', 'space'].each |String[1] $name| {
    if getvar("working_copy::${name}") =~ Undef {
      fail("working_copy: service needs ${name}")
    }
  }

  $config = {
    'version'      => 1,
    'project'      => $working_copy::project,
    'owner'        => $working_copy::owner,
    'machine'      => $working_copy::machine,
    'generation'   => $working_copy::generation,
    'fenced'       => $working_copy::fenced,
    'volume'       => $working_copy::volume,
    'mark'         => "${working_copy::volume_path}/volume.json",
    'tree'         => "${working_copy::volume_path}/user",
    'state'        => "${working_copy::volume_path}/agent",
    'user_path'    => $working_copy::user_path,
    'user'         => $working_copy::tree_uid,
    'run'          => '/run/scipion-data',
    'space'        => $working_copy::space,
    'include'      => $working_copy::include,
    'exclude'      => $working_copy::exclude,
    'trash_bytes'  => $working_copy::trash_bytes,
    'trash_days'   => $working_copy::trash_days,
    'room_percent' => $working_copy::room_percent,
  }

  # What is mounted below stays as it is: only the folders themselves are touched. tmpfiles.d makes /run's at boot.
  file {
    default:
      ensure => directory,
      owner  => $working_copy::user,
      group  => $working_copy::user,
      ;
    $working_copy::space_path:
      owner => 'root',
      mode  => '0750',
      ;
    '/run/scipion-data':
      mode => '0755',
      ;
    '/run/scipion-data/requests':
      group => $working_copy::tree_user,
      mode  => '0770',
      ;
    '/etc/scipion-data/config.json':
      ensure  => file,
      owner   => 'root',
      mode    => '0644',
      content => to_json_pretty($config),
      ;
  }
}
