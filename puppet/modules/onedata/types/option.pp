# @summary An option of oneclient about speed, caches or waiting. None weakens a check or shows a secret.
type Onedata::Option = Pattern[
  /\A--(force-direct-io|force-proxy-io|no-buffer)\z/,
  /\A--(provider-timeout|storage-timeout|dir-cache-drop-after|write-buffer-flush-delay|communicator-pool-size)=[0-9]+\z/,
  /\A--(read|write)-buffers?-(min|max|total)-size=[0-9]+\z/,
  /\A--(communicator|scheduler|storage-helper|buffer-scheduler)-thread-count=[0-9]+\z/,
  /\A--(metadata-cache|readdir-prefetch)-size=[0-9]+\z/
]
