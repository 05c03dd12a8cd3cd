# frozen_string_literal: true

require_relative '../../../../spec/spec_helper'
require 'tmpdir'

describe 'system::packages' do
  let(:title) { 'some' }
  let(:params) { { packages: { 'relion' => '3.1.3-3+b1', 'libc++1' => 'installed' } } }

  it { is_expected.to compile.with_all_deps }
  it { is_expected.to contain_exec('apt packages for some').that_requires('File[/usr/local/lib/cloudify-scipion/cloudify_fetching]') }

  it 'installs all in one transaction, without what is only recommended' do
    is_expected.to contain_exec('apt packages for some')
      .with_command(%r{ -m cloudify_fetching --tries 3 --pause 10 install relion=3\.1\.3-3\+b1 libc\+\+1\z})
  end

  it 'keeps the configuration of apt that the caller has chosen' do
    is_expected.to contain_exec('apt packages for some').with_environment(['DEBIAN_FRONTEND=noninteractive'])
  end

  # The guard is run for real, with a dpkg-query that prints what we want.
  def guard_holds(lines)
    Dir.mktmpdir do |folder|
      File.write(File.join(folder, 'lines'), "#{lines.join("\n")}\n")
      File.write(File.join(folder, 'dpkg-query'), "#!/bin/sh\ncat #{folder}/lines\n", perm: 0o755)
      guard = catalogue.resource('exec', 'apt packages for some')[:unless]
      system({ 'PATH' => "#{folder}:#{ENV.fetch('PATH')}" }, '/bin/sh', '-c', guard)
    end
  end

  it { expect(guard_holds(['relion installed 3.1.3-3+b1', 'libc++1 installed 1:14'])).to be true }
  it { expect(guard_holds(['relion installed 3.1.3-3+b2', 'libc++1 installed 1:14'])).to be false }
  it { expect(guard_holds(['relion installed 3x1.3-3+b1', 'libc++1 installed 1:14'])).to be false }
  it { expect(guard_holds(['relion installed 3.1.3-3+b1', 'libc++1 config-files 1:14'])).to be false }
  it { expect(guard_holds(['relion installed 3.1.3-3+b1', 'libc++10 installed 1:14'])).to be false }
  it { expect(guard_holds(['relion installed 3.1.3-3+b1'])).to be false }

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
