-- Identifiers and times in the forms that the API gives them.

local ids = {}

local source = assert(io.open("/dev/urandom", "rb"))
local seed = source:read(16)
source:close()
local count = 0

---32 hexadecimal digits, new each time, also in a process started in the same second.
function ids.random_hex()
  count = count + 1
  return ngx.md5(seed .. count)
end

local function as_uuid(hex)
  return table.concat({
    hex:sub(1, 8), hex:sub(9, 12), hex:sub(13, 16), hex:sub(17, 20), hex:sub(21, 32),
  }, "-")
end

function ids.uuid()
  return as_uuid(ids.random_hex())
end

-- One user is one address, in whatever case it is written.
function ids.user(email)
  return "usr_" .. ngx.md5(email:lower()):sub(1, 16)
end

-- Begins with the user's digits, so that the id alone leads to the invitation.
function ids.invitation(user_id)
  return "inv_" .. user_id:sub(5) .. ids.random_hex():sub(1, 8)
end

function ids.user_of_invitation(invitation_id)
  return "usr_" .. invitation_id:sub(5, 20)
end

---What an invitation is accepted with, in one of the two forms that are documented. Begins with the
---user's digits, too.
---@param crew boolean?
function ids.key(user_id, crew)
  local hex = user_id:sub(5) .. ids.random_hex():sub(1, 16)
  return crew and "invkey_" .. hex or "uuid-" .. as_uuid(hex)
end

function ids.user_of_key(key)
  return "usr_" .. key:gsub("^%l+[-_]", ""):gsub("-", ""):sub(1, 16)
end

function ids.time(seconds)
  return os.date("!%Y-%m-%dT%H:%M:%SZ", seconds)
end

return ids
