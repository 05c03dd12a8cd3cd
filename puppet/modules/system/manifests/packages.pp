# @summary Installs a list of Debian packages in one apt transaction.
#
# One transaction for a whole list takes a fraction of the time of one per package. Lists are updated first if they are
# missing or more than an hour old; nothing runs when every package is there in the wanted version. Recommended
# packages are not installed. apt's own configuration is used, such as a file named by the variable `APT_CONFIG`.
# A mirror from which nothing comes for 45 seconds is named with the file, and left out where there is another; a version
# that no mirror has is said at once. Needs Python 3.
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

  if $packages.size > 0 {
    include system::fetching

    exec { "apt packages for ${title}":
      command     => "${system::fetching::command} --tries ${tries} --pause ${try_sleep} install ${wanted.join(' ')}",
      unless      => "${system::fetching::command} installed ${wanted.join(' ')}",
      path        => ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'],
      environment => ['DEBIAN_FRONTEND=noninteractive'],
      timeout     => 14400,
      logoutput   => on_failure,
      require     => Class['system::fetching'],
    }
  }
}
