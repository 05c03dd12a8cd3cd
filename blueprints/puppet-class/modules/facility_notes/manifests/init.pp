# @summary A note of the facility in the user's home.
#
# @param text What the note says.
# @param path Where it is.
# @param ensure Whether it is there.
class facility_notes (
  String[1]                 $text,
  Stdlib::Absolutepath      $path   = '/home/scipion/FACILITY.txt',
  Enum['present', 'absent'] $ensure = 'present',
) {
  file { $path:
    ensure  => stdlib::ensure($ensure, 'file'),
    owner   => 'root',
    group   => 'root',
    mode    => '0644',
    content => "${text}\n",
  }
}
