package api

import (
	"strconv"

	"lianqi/models"
)

var minPassword, maxPassword = strconv.Itoa(models.MinPassword), strconv.Itoa(models.MaxPassword)

// problems are the texts of every code that a problem can have: what happened, and what can be done about it.
var problems = map[string]problemTexts{
	"internal": {
		500,
		text{"系统出错", "Internal error"},
		text{"系统内部出错，请稍后再试；如仍不成功，请将请求编号告知管理员。", "Something failed on our side. Try again later; if it keeps failing, tell the administrator the request id."},
	},
	"unavailable": {
		503,
		text{"服务暂不可用", "Temporarily unavailable"},
		text{"系统繁忙或正在维护，请稍后重试。", "The service is busy or under maintenance. Send the same request again in a moment."},
	},
	"too_many_requests": {
		429,
		text{"操作过于频繁", "Too many requests"},
		text{"请稍候再试。", "Wait a moment before the next request."},
	},
	"unauthenticated": {
		401,
		text{"尚未登录", "Not signed in"},
		text{"请先登录。", "Sign in first."},
	},
	"token_expired": {
		401,
		text{"登录凭证已过期", "Token expired"},
		text{"请刷新登录凭证后重试。", "Refresh the access token and try again."},
	},
	"session_ended": {
		401,
		text{"登录已失效", "Session ended"},
		text{"您的登录已退出或被终止，请重新登录。", "This session was ended. Sign in again."},
	},
	"wrong_credentials": {
		401,
		text{"手机号或密码不正确", "Wrong phone number or password"},
		text{"请核对手机号和密码后重试。", "Check the phone number and the password."},
	},
	"login_locked": {
		429,
		text{"登录已暂时锁定", "Sign-in locked for now"},
		text{"密码错误次数过多，请稍后再试。", "Too many failed attempts. Try again later."},
	},
	"forbidden": {
		403,
		text{"没有权限", "Not permitted"},
		text{"您没有进行此项操作的权限。", "Your roles do not include this operation."},
	},
	"password_change_required": {
		403,
		text{"请先修改初始密码", "Password change required"},
		text{"使用初始密码登录后须先修改密码，方可使用其他功能。", "Replace the first password before anything else."},
	},
	"not_found": {
		404,
		text{"未找到", "Not found"},
		text{"所查内容不存在，或不在您的查看范围内。", "It does not exist, or you may not see it."},
	},
	"id_conflict": {
		409,
		text{"编号已被使用", "Id already used"},
		text{"该编号已用于另一条内容不同的记录，请换用新编号提交。", "This id belongs to another submission. Submit under a new id."},
	},
	"stale_version": {
		0,
		text{"记录已被更新", "Record has changed"},
		text{"在您修改之前，他人已更新此记录。请查看最新内容后再修改。", "Somebody changed the record before you. Look at the current version and repeat the change."},
	},
	"precondition_required": {
		428,
		text{"缺少版本号", "Version missing"},
		text{"修改记录时须在 If-Match 中注明所依据的版本。", "State the version that the change is based on in If-Match."},
	},
	"invalid_cursor": {
		422,
		text{"翻页标记无效", "Invalid cursor"},
		text{"请从第一页重新读取。", "Start again from the first page."},
	},
	"visit_locked": {
		409,
		text{"走访记录已锁定", "Visit is locked"},
		text{"走访记录提交满 24 小时后不能再修改。", "A visit can be amended within 24 hours of its receipt."},
	},
	"phone_taken": {
		409,
		text{"手机号已被使用", "Phone number taken"},
		text{"该手机号已有账号，请核对。", "An account with this phone number exists."},
	},
	"credit_code_taken": {
		409,
		text{"统一社会信用代码已登记", "Credit code taken"},
		text{"该统一社会信用代码的企业已登记，请核对。", "An enterprise with this credit code exists."},
	},
	"name_taken": {
		409,
		text{"名称已被使用", "Name taken"},
		text{"已有同名记录，请换一个名称。", "A record of this name exists. Choose another."},
	},
	"already_assigned": {
		409,
		text{"已经结对", "Already assigned"},
		text{"该联企服务员在本批次中已与该企业结对。", "The cadre serves this enterprise in this campaign already."},
	},
	"assignment_ended": {
		409,
		text{"结对已结束", "Assignment has ended"},
		text{"该结对关系已经结束，不能再变更。", "The assignment is over and cannot be changed."},
	},
	"user_inactive": {
		409,
		text{"账号已停用", "Account is deactivated"},
		text{"该账号已停用，不能进行此项操作。", "This account is deactivated; the operation does not apply to it."},
	},
	"last_administrator": {
		409,
		text{"须至少保留一名管理员", "Last administrator"},
		text{"这是最后一名在用的管理员，请先设置其他管理员再操作。", "One active administrator has to remain. Appoint another one first."},
	},
	"too_many_streams": {
		429,
		text{"同时打开的连接过多", "Too many streams"},
		text{"请关闭其他页面或设备上的连接后再试。", "Close a stream on another page or device, then try again."},
	},
	"too_many_devices": {
		409,
		text{"登记的设备已达上限", "Too many devices"},
		text{"请先删除不再使用的设备。", "Remove a device that is no longer used."},
	},
	codeValidationFailed: {
		422,
		text{"提交的内容有误", "Invalid request"},
		text{"请按各项提示更正后重新提交。", "Correct the members listed in errors and send the request again."},
	},
	codeMalformedBody: {
		400,
		text{"请求内容无法识别", "Malformed body"},
		text{"请求内容不完整、字段重复，或不是有效的 UTF-8 编码 JSON。", "The body is incomplete, names a member twice, or is not valid JSON in UTF-8."},
	},
	codeBodyRequired: {
		400,
		text{"请求内容为空", "Body required"},
		text{"请填写内容后提交。", "The operation needs a request body."},
	},
	codeBodyTooLarge: {
		413,
		text{"提交的内容过大", "Body too large"},
		text{"请减少内容后重新提交。", "The request body is larger than the operation accepts."},
	},
	codeBodyTimeout: {
		408,
		text{"上传超时", "Upload timed out"},
		text{"网络较慢，内容未能及时传完，请重试。", "The request body did not arrive in time. Send it again."},
	},
	codeUnsupportedMediaType: {
		415,
		text{"不支持的内容格式", "Unsupported media type"},
		text{"请以 UTF-8 编码、不压缩的 JSON 提交，或采用接口文档注明的格式。", "Send uncompressed JSON in UTF-8, or what the operation declares."},
	},
	codeMethodNotAllowed: {
		405,
		text{"不支持的请求方法", "Method not allowed"},
		text{"此地址不支持该请求方法，可用的方法见 Allow。", "This path does not answer the method; Allow lists those that it does."},
	},
	codeClientOutdated: {
		426,
		text{"版本过低", "Client outdated"},
		text{"您使用的版本过低，请更新后继续使用。", "This version of the client is no longer served. Install the current one."},
	},
	codeClientGone: {
		statusClientGone,
		text{"请求已取消", "Request cancelled"},
		text{"请求在完成前已被取消。", "The caller left before the answer."},
	},
}

// fieldTexts are the texts of every code that a single member of a request can have.
var fieldTexts = map[string]text{
	keyUnknownField:     {"不支持此字段", "is not a known field"},
	"unknown_parameter": {"不支持此查询参数", "is not a known query parameter"},
	keyRequired:         {"必填", "is required"},
	keyDependent:        {"填写 %s 时必填", "is required together with %s"},
	fieldOutOfRange:     {"日期超出允许范围，请核对", "lies outside the years 1 to 9999"},
	fieldQuery:          {"查询参数格式不正确", "cannot be read; check how it is encoded"},
	fieldUnreadable:     {"含有不可见的控制字符或无法识别的字符，请删除后重新填写", "contains control characters or is not UTF-8"},
	fieldNotNull:        {"不能为空", "must not be null"},
	keyInvalidValue:     {"内容无效", "is not valid"},
	keyMismatch:         {"数据类型不正确或超出范围", "has the wrong type or is out of range"},
	"expected_boolean":  {"应为 true 或 false", "must be true or false"},
	"expected_number":   {"应为数字", "must be a number"},
	"expected_integer":  {"应为整数", "must be an integer"},
	"expected_string":   {"应为文本", "must be a string"},
	"expected_array":    {"应为列表", "must be an array"},
	"expected_object":   {"应为对象", "must be an object"},
	"invalid_date_time": {"应为日期时间，如 2026-03-01T08:30:00Z", "must be a date and time such as 2026-03-01T08:30:00Z"},
	"invalid_date":      {"应为日期，如 2026-03-01", "must be a date such as 2026-03-01"},
	"invalid_time":      {"应为时间，如 08:30:00", "must be a time such as 08:30:00"},
	"invalid_email":     {"电子邮箱格式不正确", "must be an e-mail address"},
	"invalid_uri":       {"网址格式不正确", "must be a URI"},
	fieldUUID:           {"编号格式不正确，应为 36 个字符的 UUID，且不能全为零", "must be a UUID in its form of 36 characters, and not the nil UUID"},
	"invalid_format":    {"格式不正确", "has the wrong format"},
	"invalid_base64":    {"应为 Base64 编码", "must be encoded as Base64"},
	keyNoMatch:          {"不符合任何一种允许的形式", "matches none of the forms allowed"},
	fieldNotUnique:      {"存在重复项", "must not contain an item twice"},
	fieldTooMany:        {"只能填写一个值", "must be given once"},
	"one_of":            {"应为下列之一：%s", "must be one of: %s"},
	keyPattern:          {"格式不正确", "has the wrong format"},
	"minimum":           {"不得小于 %s", "must be at least %s"},
	"exclusive_minimum": {"应大于 %s", "must be greater than %s"},
	"maximum":           {"不得大于 %s", "must be at most %s"},
	"exclusive_maximum": {"应小于 %s", "must be less than %s"},
	"multiple_of":       {"应为 %s 的倍数", "must be a multiple of %s"},
	"min_length":        {"不得少于 %s 个字符", "must have at least %s characters"},
	"max_length":        {"不得超过 %s 个字符", "must have at most %s characters"},
	"min_items":         {"不得少于 %s 项", "must have at least %s items"},
	"max_items":         {"不得超过 %s 项", "must have at most %s items"},
	"min_properties":    {"不得少于 %s 个字段", "must have at least %s members"},
	"max_properties":    {"不得超过 %s 个字段", "must have at most %s members"},

	"password_unchanged":      {"新密码不能与原密码相同", "must differ from the old password"},
	"wrong_password":          {"原密码不正确", "is not the current password"},
	"credit_code":             {"统一社会信用代码有误，请核对", "is not a valid credit code"},
	"not_resumed":             {"尚未复工的企业不能填写复工日期", "applies only to an enterprise that is back at work"},
	"not_a_cadre":             {"所选人员不是联企服务员", "names nobody who is a cadre"},
	"unknown_enterprise":      {"企业不存在", "names no enterprise"},
	"unknown_department":      {"单位不存在", "names no department"},
	"unknown_user":            {"人员不存在", "names no user"},
	"unknown_campaign":        {"联企批次不存在，或您在该批次中未与该企业结对", "names no campaign in which you serve the enterprise"},
	"not_served_then":         {"当时您未与该企业结对", "is a time at which you did not serve the enterprise"},
	"duplicate_id":            {"编号重复", "contains an id twice"},
	"password_too_short":      {"密码至少 " + minPassword + " 位", "must have at least " + minPassword + " characters"},
	"password_too_long":       {"密码不能超过 " + maxPassword + " 位", "must have at most " + maxPassword + " characters"},
	"password_contains_phone": {"密码中不能包含手机号", "must not contain the phone number"},
	"roles_conflict":          {"企业用户不能同时拥有其他角色", "an enterprise account has no other role"},
	"not_for_role":            {"所选角色不适用此项", "does not apply to these roles"},
	"in_the_future":           {"时间晚于当前时间，请检查手机时间设置", "lies in the future; check the clock of the phone"},
	"too_long_ago":            {"时间过早，请核对", "lies too far in the past"},
	"before_start":            {"结束时间不得早于开始时间", "must not be before the start"},
}
