# frozen_string_literal: true

require 'facter'

describe 'the fact onedata_mounts' do
  def mounts(paths)
    Facter.clear
    allow(Dir).to receive(:glob).and_call_original
    allow(Dir).to receive(:glob).with('/etc/onedata/*.json').and_return(paths)
    load File.expand_path('../lib/facter/onedata_mounts.rb', __dir__)
    Facter.value(:onedata_mounts)
  end

  it { expect(mounts([])).to eq([]) }
  it { expect(mounts(['/etc/onedata/verify.json', '/etc/onedata/project.json'])).to eq(['project', 'verify']) }
end
