# frozen_string_literal: true

require_relative '../../../../spec/spec_helper'

describe 'onedata::key_fingerprints' do
  def key(name)
    File.read(File.expand_path("../fixtures/#{name}.asc", __dir__))
  end

  # What gpg says of the same files.
  it { is_expected.to run.with_params(key('one-key')).and_return(['75CFE582A2FCFB0CA63F3F5A1226EF8092730403']) }

  it {
    is_expected.to run.with_params(key('two-keys'))
      .and_return(['75CFE582A2FCFB0CA63F3F5A1226EF8092730403', '45FBFAA8D8276D922561E395AC4D8507B01B2B27'])
  }

  it { is_expected.to run.with_params(key('one-key').gsub("\n", "\r\n")).and_return(['75CFE582A2FCFB0CA63F3F5A1226EF8092730403']) }
  it { is_expected.to run.with_params("#{key('one-key')}\n#{key('two-keys')}").and_raise_error(%r{not one armoured key}) }
  it { is_expected.to run.with_params('').and_raise_error(%r{not one armoured key}) }
  it { is_expected.to run.with_params(key('one-key').sub('mQENB', 'mQ')).and_raise_error(%r{damaged|version}) }

  it 'refuses what ends early' do
    lines = key('one-key').lines
    is_expected.to run.with_params((lines[0..5] + lines[-2..]).join).and_raise_error(%r{damaged})
  end
end
