# @summary Scipion in a Python virtual environment, configured without questions.
#
# @param version Scipion's version (of `scipion-app`); it must be the one in the requirements.
# @param requirements Text of a pip requirements file: every distribution, pinned, with a sha256 hash.
# @param user User who runs Scipion.
# @param home Folder of Scipion (`SCIPION_HOME`).
# @param wheels Folder where downloaded distributions are kept.
# @param packages Debian packages that Scipion needs, each with a version or `installed`.
# @param cores Number of cores that a parallel program gets.
# @param viewers Preferred viewers of each type of output, as Python paths, best first.
# @param variables Variables for scipion.conf, such as `RELION_HOME`; they win over the module's own.
#
# @example
#   class { 'scipion':
#     version      => '3.8.3',
#     requirements => file('profile/scipion-3.8.3.txt'),
#     variables    => { 'RELION_HOME' => '/opt/em/relion-3.1' },
#   }
class scipion (
  Pattern[/\A\d+(\.\d+)+\z/]                                    $version,
  String[1]                                                     $requirements,
  String[1]                                                     $user,
  Stdlib::Absolutepath                                          $home,
  Stdlib::Absolutepath                                          $wheels,
  System::Packagelist                                              $packages,
  Variant[Integer[1], Pattern[/\A[1-9]\d*\z/]]                  $cores,
  Hash[String[1], Array[String[1]]]                             $viewers,
  Hash[Pattern[/\A[A-Z][A-Z0-9_]*\z/], Pattern[/\A[^\r\n#]*\z/]] $variables,
) {
  unless "scipion-app==${version} " in $requirements {
    fail("scipion: the requirements do not pin scipion-app==${version}")
  }

  contain scipion::install
  contain scipion::config
  contain scipion::service

  Class['scipion::install'] -> Class['scipion::config'] -> Class['scipion::service']
}
