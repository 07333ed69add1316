--- Where the API is, the key to it, and a client made of both.

local complaint = require "aitronos.cli.complaint"
local text = require "aitronos.text"
local usage = require "aitronos.cli.usage"

local EXIT = usage.EXIT

local access = {
  -- A turn's longest: the display goes on, and a signal is seen.
  TURN_SECONDS = 0.25,
}

---@param settings aitronos.CommandSettings
---@return string
function access.base_url(settings)
  local from_environment = os.getenv("AITRONOS_BASE_URL") or ""
  local url = settings.base_url or from_environment ~= "" and from_environment
    or "https://api.aitronos.com"
  return (url:gsub("/+$", ""))
end

local function key_in(path)
  local file = io.open(path)
  if not file then
    return nil, "cannot open " .. text.escape(path) .. " for the API key"
  end
  local key = (file:read("*l") or ""):gsub("%s+$", "")
  file:close()
  if key == "" then
    return nil, text.escape(path) .. " holds no API key"
  end
  return key
end

-- Out of a file, the environment, or the mouth of whoever sits at the terminal.
local function find_key(settings, system)
  if settings.api_key_file then
    return key_in(settings.api_key_file)
  end
  local key = os.getenv("FREDDY_API_KEY") or ""
  key = key ~= "" and key or system.read_secret("API key (not shown): ") or ""
  if key == "" then
    return nil, "there is no API key: set FREDDY_API_KEY, or give --api-key-file FILE"
  end
  return key
end

--- A client. Fails where there is no key, or an option will not do.
---@param settings aitronos.CommandSettings
---@param system table
---@param given? { on_event?: fun(event: aitronos.Event), tick?: fun() } `tick` is called while a
---call waits
---@return aitronos.Client
function access.client(settings, system, given)
  local aitronos = require "aitronos"
  local key, message = find_key(settings, system)
  complaint.check(key, message, EXIT.credentials)
  local tick = given and given.tick
  local fine, client = pcall(aitronos.new, {
    api_key = key,
    base_url = settings.base_url,
    ca_file = settings.ca_file,
    timeout = settings.timeout,
    deadline = settings.deadline,
    rate = settings.rate,
    concurrency = settings.concurrency,
    user_agent = usage.NAME,
    on_event = given and given.on_event,
    driver = tick and {
      wait = function(waiting, job)
        while not job:done() do
          waiting:turn(access.TURN_SECONDS)
          tick()
        end
      end,
    },
  })
  return complaint.check(fine and client, tostring(client), EXIT.usage)
end

return access
