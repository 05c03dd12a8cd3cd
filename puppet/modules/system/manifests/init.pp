# @summary The project's user, its folders, a few packages, and the machine's identity.
#
# @param user Name of the user who owns the project's data and runs Scipion.
# @param uid Its number; fixed, because the data outlive the machine.
# @param gid Number of its group, which has the same name.
# @param home Its home folder.
# @param install Whether packages are installed; false where there is no network.
# @param packages Debian packages that every machine has, each with a version or `installed`.
# @param identity Whose machine this is; nothing is written without it.
#
# @example
#   class { 'system':
#     identity => { 'title' => 'Apoferritin, day 1', 'project_id' => 'apoferritin-1' },
#   }
class system (
  String[1]                  $user,
  Integer[1]                 $uid,
  Integer[1]                 $gid,
  Stdlib::Absolutepath       $home,
  Boolean                    $install,
  System::Packagelist           $packages,
  Optional[System::Identity] $identity = undef,
) {
  contain system::install
  contain system::config

  Class['system::install'] -> Class['system::config']
}
