# frozen_string_literal: true

require_relative '../../../../spec/spec_helper'

describe 'system::packages' do
  let(:title) { 'some' }
  let(:params) { { packages: { 'relion' => '3.1.3-3+b1', 'libc++1' => 'installed' } } }

  let(:program) { ['File[/usr/local/lib/cloudify-scipion/fetch]', 'File[/usr/local/lib/cloudify-scipion/cloudify_fetching]'] }

  it { is_expected.to compile.with_all_deps }
  it { is_expected.to contain_exec('apt packages for some').that_requires(program) }

  it 'installs all in one transaction, without what is only recommended' do
    is_expected.to contain_exec('apt packages for some')
      .with_command('/usr/local/lib/cloudify-scipion/fetch --tries 3 --pause 10 install relion=3.1.3-3+b1 libc++1')
  end

  it 'keeps the configuration of apt that the caller has chosen' do
    is_expected.to contain_exec('apt packages for some').with_environment(['DEBIAN_FRONTEND=noninteractive'])
  end

  it 'runs nothing where all are installed' do
    is_expected.to contain_exec('apt packages for some')
      .with_unless('/usr/local/lib/cloudify-scipion/fetch installed relion=3.1.3-3+b1 libc++1')
  end

  context 'with no packages' do
    let(:params) { { packages: {} } }

    it { is_expected.to have_exec_resource_count(0) }
  end

  ['a; reboot', '-oFoo=1', ''].each do |name|
    context "with the package #{name.inspect}" do
      let(:params) { { packages: { name => 'installed' } } }

      it { is_expected.to compile.and_raise_error(%r{packages}) }
    end
  end
end
