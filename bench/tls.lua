--- What a new TLS connection costs with the system's whole trust store: the first of a client reads
--- the store, the following ones find it in libcurl's cache. Run beside a sandbox.
local aitronos = require "aitronos"

local STORE = "/etc/ssl/certs/ca-certificates.crt"

local function read(path)
  local file = assert(io.open(path))
  local text = file:read("*a")
  file:close()
  return text
end

local bundle = os.tmpname()
local file = assert(io.open(bundle, "w"))
file:write(read(STORE), read(os.getenv "AITRONOS_CA_FILE"))
file:close()

local client = aitronos.new {
  api_key = "sandbox_unlimited",
  base_url = os.getenv "AITRONOS_HTTPS_URL",
  ca_file = bundle,
  reconcile = false,
}

print("connection   CPU ms   elapsed ms")
for i = 1, 6 do
  local before = os.clock()
  -- the sandbox ends the connection each time, so that each call needs a new one
  local _, err = client:try_invite_user {
    organization_id = "org_xyz789",
    email = ("fault+lostrequest.%d@example.com"):format(i),
    role_id = "role_member",
  }
  assert(err.code == "CONNECTION_LOST", tostring(err))
  print(("%10d %8.1f %12.1f"):format(i, (os.clock() - before) * 1000, err.elapsed * 1000))
end
client:close()
os.remove(bundle)
