# frozen_string_literal: true

require 'spec_helper'

describe 'em_package' do
  let(:relion) do
    {
      version: '3.1.3', method: 'apt', home: '/opt/em/relion-3.1',
      apt: { relion: '3.1.3-3+b1', 'openmpi-bin': 'installed' }, links: { bin: '/usr/bin' }
    }
  end
  let(:demo) { { version: '1', method: 'generate', home: '/opt/em/demo-1', script: "print('\u00e9')\n" } }

  context 'without packages' do
    it { is_expected.to compile.with_all_deps }
    it { is_expected.to have_exec_resource_count(0) }
  end

  context 'with packages of both methods' do
    let(:params) { { packages: { relion: relion, demo: demo } } }

    it { is_expected.to compile.with_all_deps }

    it {
      is_expected.to contain_system__packages('em_package')
        .with_packages('relion' => '3.1.3-3+b1', 'openmpi-bin' => 'installed')
    }
    it { is_expected.to contain_file('/opt/em/relion-3.1/bin').with_ensure('link').with_target('/usr/bin') }
    it { is_expected.to contain_file('/opt/em/demo-1.py').with_content("print('\u00e9')\n") }

    it 'makes example data once, complete or not at all' do
      stamp = Digest::SHA256.hexdigest("print('\u00e9')\n")
      is_expected.to contain_exec('generate demo')
        .with_command(%r{/opt/scipion/venv/bin/python /opt/em/demo-1\.py /opt/em/demo-1\.part && .*mv /opt/em/demo-1\.part /opt/em/demo-1\z})
        .with_unless(%r{= #{stamp}\z})
        .that_requires('File[/opt/em/demo-1.py]')
    end
  end

  context 'with packages to remove' do
    let(:params) { { packages: { relion: relion.merge(ensure: 'absent'), demo: demo.merge(ensure: 'absent') } } }

    it { is_expected.to compile.with_all_deps }
    it { is_expected.to contain_package('relion').with_ensure('purged') }
    it { is_expected.not_to contain_package('openmpi-bin') }
    it { is_expected.to contain_file('/opt/em/relion-3.1').with_ensure('absent').with_force(true) }
    it { is_expected.to contain_file('/opt/em/demo-1').with_ensure('absent').with_force(true) }
    it { is_expected.to contain_file('/opt/em/demo-1.py').with_ensure('absent') }
    it { is_expected.not_to contain_exec('generate demo') }
  end

  context 'with a Debian package that another one needs' do
    let(:other) { { version: '4', method: 'apt', home: '/opt/em/other-4', apt: { relion: '3.1.3-3+b1' } } }
    let(:params) { { packages: { relion: relion.merge(ensure: 'absent'), other: other } } }

    it { is_expected.not_to contain_package('relion') }
    it { is_expected.to contain_file('/opt/em/relion-3.1').with_ensure('absent') }
  end

  context 'with a generated package without a program' do
    let(:params) { { packages: { demo: demo.reject { |key| key == :script } } } }

    it { is_expected.to compile.and_raise_error(%r{demo is generated but has no script}) }
  end

  context 'with a folder outside of the root' do
    let(:params) { { packages: { demo: demo.merge(home: '/etc') } } }

    it { is_expected.to compile.and_raise_error(%r{below /opt/em}) }
  end
end
