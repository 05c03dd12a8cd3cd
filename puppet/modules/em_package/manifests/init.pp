# @summary EM packages and example data, each in a folder of its own.
#
# @param packages Packages by name; see `Em_package::Package`.
# @param mirrors Where files of the methods `archive` and `installb` are fetched from, tried in order.
# @param root Folder that holds the packages' own folders.
# @param python Interpreter that runs the programs of the method `generate`.
# @param scipion Folder of Scipion (`SCIPION_HOME`), which carries out the method `installb`.
# @param wheels Folder where downloaded Python distributions are kept.
# @param archives Folder where downloaded archives are kept.
# @param tools Debian packages that the methods `pip`, `archive` and `installb` need.
#
# @example
#   class { 'em_package':
#     mirrors  => ['https://mirror.example.org/em'],
#     packages => {
#       'relion' => {
#         'version' => '3.1.3',
#         'method'  => 'apt',
#         'home'    => '/opt/em/relion-3.1',
#         'apt'     => { 'relion' => '3.1.3-3+b1' },
#         'links'   => { 'bin' => '/usr/bin' },
#       },
#     },
#   }
class em_package (
  Hash[Pattern[/\A[a-z0-9][a-z0-9._-]*\z/], Em_package::Package] $packages,
  Array[Em_package::Mirror]                                     $mirrors,
  Stdlib::Absolutepath                                          $root,
  Stdlib::Absolutepath                                          $python,
  Stdlib::Absolutepath                                          $scipion,
  Stdlib::Absolutepath                                          $wheels,
  Stdlib::Absolutepath                                          $archives,
  System::Packagelist                                           $tools,
) {
  contain em_package::install
}
