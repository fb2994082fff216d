// What was added to the search: links and columns in Vietnamese.
import type { searchTexts as en } from "../en/search";

export const searchTexts: { readonly [K in keyof typeof en]: string } = {
  "share.title": "Liên kết tới tìm kiếm này",
  "share.text": "Người mở phải đăng nhập và chỉ thấy phần vai trò của mình được xem. Câu truy vấn nằm trong liên kết dưới dạng đọc được: đừng gửi tới nơi không nên đọc tên trong đó.",
  "share.fixed": "Giữ nguyên mốc thời gian hiện tại",
  "share.copy": "Sao chép liên kết",
  "share.manual": "Trình duyệt không cho phép: hãy tự sao chép phần đã chọn.",
  "range.pick": "Chọn trên lịch: {edge}",
  "columns.button": "Cột",
  "columns.usual": "Đang hiện các cột thông thường: điểm, tập dữ liệu, sự kiện.",
  "columns.add": "Thêm trường",
  "columns.left": "Chuyển {field} sang trái",
  "columns.right": "Chuyển {field} sang phải",
};
