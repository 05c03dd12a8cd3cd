# @summary Folders of OneData spaces, mounted by oneclient as systemd services.
#
# The access token of each mount is not a parameter: it is put into `/etc/onedata/NAME.token` by other means, before the
# mount is started.
#
# @param ensure Whether it is here. `absent` ends all mounts and removes everything but the packages of Debian.
# @param install Whether oneclient and the packages that it needs are installed; needs network.
# @param package Name of oneclient's Debian package.
# @param version Its exact version; needed with `install`.
# @param repository Where it comes from; if absent, from a repository that apt knows already.
# @param packages Debian packages that are needed besides, each with a version or `installed`.
# @param command The program, as the package installs it.
# @param user Who runs oneclient and owns the tokens. The account exists already.
# @param mounts What is mounted, by name.
#
# @example
#   class { 'onedata':
#     install    => true,
#     version    => '21.02.8-1~jammy',
#     repository => {
#       'url'         => 'https://onedata.example.org/apt/ubuntu/2102',
#       'suite'       => 'jammy',
#       'components'  => ['main'],
#       'key'         => file('profile/onedata.asc'),
#       'fingerprint' => '0123456789ABCDEF0123456789ABCDEF01234567',
#     },
#     mounts     => {
#       'project' => {
#         'host'       => 'provider.example.org',
#         'space'      => 'Cryo EM',
#         'path'       => 'apoferritin-1',
#         'mountpoint' => '/srv/data/project',
#         'read_only'  => false,
#       },
#     },
#   }
class onedata (
  Enum['present', 'absent']                  $ensure,
  Boolean                                    $install,
  Pattern[/\A[a-z0-9][a-z0-9+.-]+\z/]        $package,
  System::Packagelist                        $packages,
  Stdlib::Absolutepath                       $command,
  Pattern[/\A[a-z_][a-z0-9_-]*\z/]           $user,
  Hash[Onedata::Instance, Onedata::Mount]    $mounts,
  Optional[Onedata::Version]                 $version    = undef,
  Optional[Onedata::Repository]              $repository = undef,
) {
  if $ensure == 'absent' {
    contain onedata::remove
  } elsif $install or $mounts.size > 0 {
    contain onedata::install
    contain onedata::service

    Class['onedata::install'] -> Class['onedata::service']
  }
}
