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

  # apt may have been told, by APT_CONFIG, to read its sources from another folder.
  $installed = "test \"\$(dpkg-query -W -f '\${db:Status-Status} \${Version}' ${onedata::package})\" = 'installed ${onedata::version}'"
  $known = "apt-cache madison ${onedata::package} | awk -F ' *[|] *' '\$2 == \"${onedata::version}\" { found = 1 } END { exit !found }'"
  $copy = "test ${source} -ef \"\$parts/onedata.sources\" || cp ${source} \"\$parts/onedata.sources\""
  $update = "${system::fetching::command} watch apt-get update -q -o Debug::pkgAcquire::Worker=1 -o Acquire::Retries=1 -o Dir::Etc::sourcelist=${source} -o Dir::Etc::sourceparts=/dev/null -o APT::Get::List-Cleanup=0"
  exec { 'apt lists for oneclient':
    command     => "eval \"\$(apt-config shell parts Dir::Etc::sourceparts/d)\" && { ${copy}; } && ${update} -o APT::Update::Error-Mode=any",
    unless      => "${installed} || ${known}",
    provider    => shell,
    path        => ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'],
    environment => ['DEBIAN_FRONTEND=noninteractive'],
    timeout     => 600,
    tries       => 2,
    try_sleep   => 5,
    logoutput   => on_failure,
    require     => [File[$source], File[$keyring], Class['system::fetching']],
  }
}
