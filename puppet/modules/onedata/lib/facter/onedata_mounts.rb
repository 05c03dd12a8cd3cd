# frozen_string_literal: true

# Names of the mounts that the module `onedata` has made on this machine.
Facter.add(:onedata_mounts) do
  setcode { Dir.glob('/etc/onedata/*.json').map { |path| File.basename(path, '.json') }.sort }
end
