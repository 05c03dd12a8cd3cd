# frozen_string_literal: true

require_relative '../../../../spec/spec_helper'

describe 'system' do
  context 'with defaults' do
    it { is_expected.to compile.with_all_deps }
    it { is_expected.to contain_class('system::install').that_comes_before('Class[system::config]') }
    it { is_expected.to contain_user('scipion').with_uid(2000).with_gid(2000) }
    it { is_expected.to contain_group('scipion').with_gid(2000) }
    it { is_expected.to contain_file('/home/scipion/ScipionUserData').with_owner('scipion').without_recurse }
    it { is_expected.to contain_system__packages('system') }
    it { is_expected.not_to contain_file('/etc/cloudify-scipion/identity.json') }
  end

  context 'without installation' do
    let(:params) { { install: false } }

    it { is_expected.to compile.with_all_deps }
    it { is_expected.not_to contain_system__packages('system') }
    it { is_expected.to have_exec_resource_count(0) }
  end

  context 'with an identity' do
    let(:identity) do
      {
        title: %q(Day "1": beta-gal's),
        project_id: 'beta-gal-1',
        ssh_keys: ['ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFoo alice@example.org', 'ssh-rsa AAAAB3Nz'],
      }
    end
    let(:params) { { identity: identity } }

    it { is_expected.to compile.with_all_deps }

    it 'writes valid JSON' do
      content = catalogue.resource('file', '/etc/cloudify-scipion/identity.json')[:content]
      expect(JSON.parse(content)).to eq('title' => %q(Day "1": beta-gal's), 'project_id' => 'beta-gal-1')
    end

    it {
      is_expected.to contain_file('/home/scipion/.ssh/authorized_keys')
        .with_mode('0600')
        .with_content("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFoo alice@example.org\nssh-rsa AAAAB3Nz\n")
    }
  end

  context 'with an identity without keys' do
    let(:params) { { identity: { title: 'T', project_id: 't' } } }

    it { is_expected.to contain_file('/home/scipion/.ssh/authorized_keys').with_content('') }
  end

  [
    'command="/bin/sh" ssh-ed25519 AAAA',
    "ssh-ed25519 AAAA\nssh-ed25519 BBBB",
    'AAAA',
  ].each do |key|
    context "with the key #{key.inspect}" do
      let(:params) { { identity: { title: 'T', project_id: 't', ssh_keys: [key] } } }

      it { is_expected.to compile.and_raise_error(%r{ssh_keys}) }
    end
  end
end
