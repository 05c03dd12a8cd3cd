# frozen_string_literal: true

require_relative '../../../../spec/spec_helper'

describe 'system::units' do
  let(:title) { 'cleaner' }
  let(:params) { { units: { 'cleaner.service' => "[Service]\n", 'cleaner@x.service.d/more.conf' => "[Unit]\n" } } }
  let(:reload) { 'Exec[systemd reads the units of cleaner]' }

  it { is_expected.to compile.with_all_deps }

  it 'writes each, and has systemd read them once, when one has changed' do
    is_expected.to contain_file('/etc/systemd/system/cleaner.service')
      .with_ensure('file').with_owner('root').with_mode('0644').with_content("[Service]\n").that_notifies(reload)
    is_expected.to contain_file('/etc/systemd/system/cleaner@x.service.d/more.conf').that_notifies(reload)
    is_expected.to contain_exec('systemd reads the units of cleaner')
      .with_command('/usr/bin/systemctl daemon-reload').with_refreshonly(true)
    is_expected.to have_exec_resource_count(1)
  end

  context 'when they go' do
    let(:params) { { ensure: 'absent', units: { 'cleaner.service' => :undef, 'cleaner@x.service.d' => :undef } } }

    it { is_expected.to contain_file('/etc/systemd/system/cleaner.service').with_ensure('absent').that_notifies(reload) }
    it { is_expected.to contain_file('/etc/systemd/system/cleaner@x.service.d').with_ensure('absent').with_force(true) }
  end

  ['../motd', '/etc/motd', 'a/b/c', ''].each do |name|
    context "with the name #{name.inspect}" do
      let(:params) { { units: { name => "[Unit]\n" } } }

      it { is_expected.to compile.and_raise_error(%r{units}) }
    end
  end
end
