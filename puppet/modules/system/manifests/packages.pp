# @summary Installs a list of Debian packages in one apt transaction.
#
# One transaction for a whole list takes a fraction of the time of one per package. Lists are updated first if they are
# missing or more than an hour old; nothing runs when every package is there in the wanted version. Recommended
# packages are not installed. apt's own configuration is used, such as a file named by the variable `APT_CONFIG`.
#
# @param packages Name of each package, and its exact version or `installed` for any.
# @param tries How often a failing download or transaction is tried.
# @param try_sleep Seconds between two tries.
#
# @example
#   system::packages { 'editors':
#     packages => { 'nano' => 'installed', 'vim-tiny' => '2:9.0.1378-2' },
#   }
define system::packages (
  System::Packagelist $packages,
  Integer[1]       $tries     = 3,
  Integer[0]       $try_sleep = 10,
) {
  $wanted = $packages.map |$name, $version| {
    $version ? {
      'installed' => $name,
      default     => "${name}=${version}",
    }
  }
  $pattern = $packages.map |$name, $version| {
    $version ? {
      'installed' => "-e '^${name} installed '",
      default     => "-e '^${name} installed ${regsubst($version, '[.+]', '[\\0]', 'G')}$'",
    }
  }

  # dpkg-query names each package once; the pattern of each matches its own line only.
  $query = "dpkg-query -W -f '\${Package} \${db:Status-Status} \${Version}\\n' ${packages.keys.join(' ')} 2>/dev/null"
  $installed = "test \"\$(${query} | sort -u | grep -c ${pattern.join(' ')})\" -eq ${packages.size}"
  $options = '-q -y --no-install-recommends -o Acquire::Retries=2 -o Dpkg::Options::=--force-confold'
  $fresh = 'eval "$(apt-config shell lists Dir::State::lists/d)"; find "$lists" -maxdepth 1 -name "*_Packages*" -mmin -60 | grep -q .'

  if $packages.size > 0 {
    exec { "apt lists for ${title}":
      command     => 'apt-get update -q -o Acquire::Retries=2 -o APT::Update::Error-Mode=any',
      unless      => "${installed} || { ${fresh}; }",
      provider    => shell,
      path        => ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'],
      environment => ['DEBIAN_FRONTEND=noninteractive'],
      timeout     => 600,
      tries       => $tries,
      try_sleep   => $try_sleep,
      logoutput   => on_failure,
    }
    -> exec { "apt packages for ${title}":
      command     => "apt-get install ${options} ${wanted.join(' ')}",
      unless      => $installed,
      provider    => shell,
      path        => ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'],
      environment => ['DEBIAN_FRONTEND=noninteractive'],
      timeout     => 3600,
      tries       => $tries,
      try_sleep   => $try_sleep,
      logoutput   => on_failure,
    }
  }
}
