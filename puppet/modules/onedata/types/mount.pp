# @summary A folder of a space, and where it is mounted.
#
# `path` is the folder in the space, by default the whole space; `mountpoint` is where that folder appears. With `start`
# false it is neither mounted at boot nor by Puppet. To remove a mount, `ensure` is enough.
type Onedata::Mount = Variant[
  Struct[
    {
      Optional['ensure']  => Enum['present'],
      'host'              => Stdlib::Host,
      'space'             => Pattern[/\A(?!\.{1,2}\z)[^\/\x00-\x1f\x7f]+\z/],
      Optional['path']    => Pattern[/\A((?!\.{1,2}(\/|\z))[^\/\x00-\x1f\x7f]+(\/(?!\z)|\z))*\z/],
      'mountpoint'        => Pattern[/\A(\/(?!\.{1,2}(\/|\z))[^\/\x00-\x1f\x7f]+)+\z/],
      'read_only'         => Boolean,
      Optional['start']   => Boolean,
      Optional['options'] => Array[Onedata::Option],
    }
  ],
  Struct[
    {
      'ensure'               => Enum['absent'],
      Optional['host']       => String,
      Optional['space']      => String,
      Optional['path']       => String,
      Optional['mountpoint'] => String,
      Optional['read_only']  => Boolean,
      Optional['start']      => Boolean,
      Optional['options']    => Array[String],
    }
  ],
]
