# @summary A local working copy of a project's remote data, saved by an agent.
#
# The agent moves the data between a volume and the mounted data space. It runs in units of its own, as a user of its
# own, and can do no more than that. It can be applied in two steps: first without `service` (the agent and its units),
# and later with it (its configuration, and the timers).
#
# @param ensure Whether it is here. `absent` removes everything but the agent's account and what is on the volume and in the data space.
# @param install Whether Debian packages are installed; false where there is no network.
# @param service Whether the configuration is written and the timers run.
# @param user Name of the agent's user and group.
# @param uid Its number; fixed, because the agent's state on the volume outlives the machine.
# @param gid Number of its group.
# @param tree_user Name of the user whose data are saved, and of that user's group. The account exists already.
# @param tree_uid That user's number.
# @param volume_path Where the volume is mounted, with the folders `user` (the working copy) and `agent` (its state).
# @param user_path Where the user sees the working copy: a mount of the volume's folder `user`.
# @param space_path Folder that data spaces are mounted in; only the agent may enter it.
# @param push_minutes Minutes from the end of one push to the beginning of the next.
# @param scan_minutes Minutes from the end of one scan of the data space to the beginning of the next.
# @param memory How much memory the agent may use, as systemd writes it.
# @param packages Debian packages that the agent needs.
# @param project Id of the project. It, `machine`, `generation`, `volume` and `space` are needed with `service`.
# @param machine Name of this machine.
# @param generation Which machine of the project this is, counted.
# @param volume Name of the volume, as its file `volume.json` says.
# @param owner Who may write to the data space.
# @param fenced Whether it is known that no older machine of the project runs.
# @param space The data space.
# @param include Patterns of what belongs to the working copy; empty for everything.
# @param exclude Patterns of what does not.
# @param trash_bytes How much of what was replaced or deleted is kept in the data space; 0 for the agent's own default.
# @param trash_days How many days everything of that stays at least, whatever the limits.
# @param room_percent With less than so many percent of the data space left there is an alarm.
#
# @example
#   class { 'working_copy':
#     service    => true,
#     project    => 'apoferritin-1',
#     machine    => 'apoferritin-1-m3',
#     generation => 3,
#     volume     => 'apoferritin-1-data',
#     fenced     => true,
#     space      => { 'kind' => 'directory', 'path' => '/srv/scipion-space/project', 'verify' => '', 'mounted' => true },
#   }
class working_copy (
  Enum['present', 'absent']               $ensure,
  Boolean                                 $install,
  Boolean                                 $service,
  Pattern[/\A[a-z_][a-z0-9_-]*\z/]        $user,
  Integer[1]                              $uid,
  Integer[1]                              $gid,
  Pattern[/\A[a-z_][a-z0-9_-]*\z/]        $tree_user,
  Integer[1]                              $tree_uid,
  Stdlib::Absolutepath                    $volume_path,
  Stdlib::Absolutepath                    $user_path,
  Stdlib::Absolutepath                    $space_path,
  Integer[1]                              $push_minutes,
  Integer[1]                              $scan_minutes,
  Pattern[/\A[1-9][0-9]*[KMGT]?\z/]       $memory,
  System::Packagelist                     $packages,
  Working_copy::Owner                     $owner,
  Boolean                                 $fenced,
  Array[String[1]]                        $include,
  Array[String[1]]                        $exclude,
  Integer[0]                              $trash_bytes,
  Integer[0]                              $trash_days,
  Integer[0, 100]                         $room_percent,
  Optional[Pattern[/\A[a-z0-9][a-z0-9-]*\z/]] $project    = undef,
  Optional[String[1]]                     $machine    = undef,
  Optional[Integer[0]]                    $generation = undef,
  Optional[String[1]]                     $volume     = undef,
  Optional[Working_copy::Space]           $space      = undef,
) {
  if $ensure == 'absent' {
    contain working_copy::remove
  } else {
    contain working_copy::install

    if $service {
      contain working_copy::config
      contain working_copy::service

      Class['working_copy::install'] -> Class['working_copy::config'] -> Class['working_copy::service']
    }
  }
}
