--- Whom a client trusts: authorities in a file or in a folder, and no others then.
local Server = require "spec.support.server"
local aitronos = require "aitronos"
local api = require "spec.support.api"
local tls = require "spec.support.tls"

describe("trust", function()
  local certificates = tls.each()
  local server, folder

  local function run(command)
    local pipe = assert(io.popen(command))
    local line = pipe:read("*l")
    pipe:close()
    return line
  end

  setup(function()
    folder = run("mktemp -d")
  end)

  teardown(function()
    os.execute("rm -rf '" .. folder .. "'")
  end)

  before_each(function()
    server = Server.new(function(connection)
      if connection:start_tls(certificates.contexts.good) then
        connection:read_request()
        connection:write(api.CREATED)
      end
    end)
  end)

  after_each(function()
    server:close()
  end)

  local function invite(options)
    options.api_key = "ak_test"
    options.base_url = server:secure_url()
    options.proxy = ""
    options.driver = server:driver()
    options.max_retries = 0
    local client = aitronos.new(options)
    local invitation, err = client:try_invite_user(api.PARAMS)
    client:close()
    return invitation, err
  end

  local function assert_distrusted(options)
    local nothing, err = invite(options)
    assert.is_nil(nothing)
    assert.equal("tls", err.kind)
    assert.equal("CERTIFICATE_NOT_TRUSTED", err.code)
    assert.equal("not_sent", err.outcome)
    assert.is_false(err.retryable)
    assert.truthy(err.message:find("libcurl/", 1, true))
    assert.equal(0, server:count "POST")
  end

  it("is the system's where nothing is said", function()
    assert_distrusted {}
  end)

  it("may be put in a file", function()
    assert.equal(api.INVITATION, (invite { ca_file = certificates.ca_file }).invitation_id)
  end)

  it("may be put in a folder, which replaces the system's", function()
    assert_distrusted { ca_path = folder }
    local hash = run(("openssl x509 -hash -noout -in '%s'"):format(certificates.ca_file))
    os.execute(("cp '%s' '%s/%s.0'"):format(certificates.ca_file, folder, hash))
    assert.equal(api.INVITATION, (invite { ca_path = folder }).invitation_id)
  end)

  it("in a file that holds no certificate is an error that names it", function()
    local file = folder .. "/empty.pem"
    local out = assert(io.open(file, "w"))
    out:write("no certificate\n")
    out:close()
    local nothing, err = invite { ca_file = file }
    assert.is_nil(nothing)
    assert.equal("tls", err.kind)
    assert.equal("CA_FILE_UNUSABLE", err.code)
    assert.equal("not_sent", err.outcome)
  end)
end)
