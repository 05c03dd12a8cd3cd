# @summary EM packages and example data, each in a folder of its own.
#
# @param packages Packages by name; see `Em_package::Package`.
# @param root Folder that holds the packages' own folders.
# @param python Interpreter that runs the programs of the method `generate`.
#
# @example
#   class { 'em_package':
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
  Stdlib::Absolutepath                                          $root,
  Stdlib::Absolutepath                                          $python,
) {
  contain em_package::install
}
