# What the recorded runs apply; the fact `run` says which of them it is.
class demo {
  $target = '/tmp/cloudify-scipion-case/target'

  file { "${target}/a file":
    content => "text\n",
  }
  -> exec { 'counting':
    command => '/bin/sh -c "echo one; echo two"',
    creates => "${target}/counted",
  }
  -> file { "${target}/counted":
    content => "2\n",
  }

  if $facts['run'] == 'fails' {
    file { "${target}/missing/folder":
      content => 'x',
    }
    -> file { "${target}/after":
      content => 'never reached',
    }
    exec { 'downloading':
      command => '/bin/sh -c "echo no route to mirror >&2; exit 7"',
    }
    file { "${target}/settings":
      content => 'x',
    }
    ~> exec { 'restarting':
      command     => '/bin/false',
      refreshonly => true,
    }
  }

  if $facts['run'] == 'does-not-compile' {
    include demo::missing
  }
}
