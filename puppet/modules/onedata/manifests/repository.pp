# @summary The apt repository that oneclient comes from, trusted for one key.
# @api private
class onedata::repository {
  assert_private()

  $repository = $onedata::repository
  $source = '/etc/apt/sources.list.d/onedata.sources'
  $keyring = '/etc/apt/keyrings/onedata.asc'

  $keys = onedata::key_fingerprints($repository['key'])
  if $keys != [$repository['fingerprint']] {
    fail("onedata: the repository's key is ${keys.join(' and ')}, not ${repository['fingerprint']}")
  }

  file {
    default:
      ensure => file,
      owner  => 'root',
      group  => 'root',
      mode   => '0644',
      ;
    '/etc/apt/keyrings':
      ensure => directory,
      mode   => '0755',
      ;
    $keyring:
      content => $repository['key'],
      ;
    $source:
      content => epp('onedata/onedata.sources.epp', {
          'url'        => $repository['url'],
          'suite'      => $repository['suite'],
          'components' => $repository['components'],
          'keyring'    => $keyring,
      }),
      ;
  }

  include system::fetching

  exec { 'apt lists for oneclient':
    command     => "${system::fetching::command} add-source ${source}",
    unless      => "${system::fetching::command} known ${onedata::package}=${onedata::version}",
    path        => ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'],
    environment => ['DEBIAN_FRONTEND=noninteractive'],
    timeout     => 600,
    tries       => 2,
    try_sleep   => 5,
    logoutput   => on_failure,
    require     => [File[$source], File[$keyring], Class['system::fetching']],
  }
}
