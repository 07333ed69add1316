--- Where the API is, and the key to it.

local text = require "aitronos.text"

local access = {}

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

--- Out of a file, the environment, or the mouth of whoever sits at the terminal.
---@param settings aitronos.CommandSettings
---@param system table
---@return string? key
---@return string? message
function access.key(settings, system)
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

return access
