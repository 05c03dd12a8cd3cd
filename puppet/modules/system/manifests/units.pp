# @summary Units of systemd, by file name, which it reads when one of them has come, changed or gone.
#
# Nothing is started: who starts a unit names its service. A drop-in's folder (`NAME.service.d`) must be there.
#
# @param units
#   What is in each file below `/etc/systemd/system`, by its name; `undef` where `ensure` is `absent`.
# @param ensure
#   Whether they are there. `absent` removes folders of drop-ins, too.
#
# @example
#   system::units { 'cleaner':
#     units => { 'cleaner.service' => "[Service]\nExecStart=/usr/local/bin/clean\n" },
#   }
define system::units (
  Hash[Pattern[/\A\w[\w.@-]*(\/\w[\w.@-]*)?\z/], Optional[String[1]]] $units,
  Enum['present', 'absent'] $ensure = 'present',
) {
  $units.each |$name, $content| {
    file { "/etc/systemd/system/${name}":
      ensure  => $ensure ? { 'absent' => absent, default => file },
      owner   => 'root',
      group   => 'root',
      mode    => '0644',
      force   => true,
      content => $content,
      notify  => Exec["systemd reads the units of ${title}"],
    }
  }

  exec { "systemd reads the units of ${title}":
    command     => '/usr/bin/systemctl daemon-reload',
    refreshonly => true,
  }
}
