--- The client of this site. nginx loads this module once in each worker, or, as here, once before
--- there are any: each worker has connections of its own all the same, kept alive between requests.

local aitronos = require "aitronos"

local fine, client = pcall(aitronos.new, {
  -- The key comes from FREDDY_API_KEY. Where this is not set, libcurl's own CA file is used.
  ca_file = os.getenv "AITRONOS_CA_FILE",
  -- Somebody waits for the answer.
  deadline = 20,
  -- Requests a minute, of all workers together.
  rate = 600,
  burst = 20,
  rate_dict = "aitronos_rate",
})
if not fine then
  error(tostring(client), 0) -- of an Error as it is, nginx would log "unknown error"
end

return client
